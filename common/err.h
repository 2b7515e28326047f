/* Named causes: the one list of everything that can be refused or go wrong.
 *
 * Fallible functions return int: 0 or one of the negative KH_E_* below. On the wire a cause travels as
 * its number (proto/common.proto, enum Cause); in logs, events and control replies as its name. */
#ifndef KEYHOP_ERR_H
#define KEYHOP_ERR_H

#define KH_MUST_CHECK __attribute__((warn_unused_result))

/* X(constant, number, name, code of the JSON-RPC error, text) */
#define KH_ERRORS(X) \
	X(INTERNAL, 1, "internal", 1500, "internal error") \
	X(FRAME_EMPTY, 2, "frame-empty", 1400, "frame of length 0") \
	X(FRAME_TOO_LONG, 3, "frame-too-long", 1400, "frame longer than 64 KiB") \
	X(FRAME_TRUNCATED, 4, "frame-truncated", 1400, "connection ended inside a frame") \
	X(NOT_PROTOBUF, 5, "not-protobuf", 1400, "message does not parse") \
	X(UNKNOWN_MESSAGE, 6, "unknown-message", 1400, "no known body in the message") \
	X(UNKNOWN_FIELD, 7, "unknown-field", 1400, "field that this version does not know") \
	X(MISSING_FIELD, 8, "missing-field", 1400, "mandatory field absent or zero") \
	X(BAD_FIELD, 9, "bad-field", 1400, "field outside its range") \
	X(DECODE_BUDGET, 10, "decode-budget", 1400, "message needs more memory than allowed") \
	X(WRONG_LINK, 11, "wrong-link", 1400, "message not allowed from this end of the link") \
	X(BAD_STATE, 12, "bad-state", 1400, "message not allowed in this state") \
	X(NOT_OWNER, 13, "not-owner", 1403, "peer does not serve this UE") \
	X(UE_NOT_FOUND, 14, "ue-not-found", 1404, "no such UE here") \
	X(ENB_NOT_FOUND, 15, "enb-not-found", 1405, "no such eNodeB here") \
	X(SETUP_REQUIRED, 16, "setup-required", 1400, "association not set up yet") \
	X(DUPLICATE_ASSOCIATION, 17, "duplicate-association", 1409, \
	  "eNB_ID is associated already") \
	X(TIMEOUT, 18, "timeout", 1408, "no answer in time") \
	X(CANCELLED, 19, "cancelled", 1400, "cancelled") \
	X(BUSY, 20, "busy", 1429, "too much work at once") \
	X(NO_RESOURCES, 21, "no-resources", 1429, "a configured limit is reached") \
	X(LINK_LOST, 22, "link-lost", 1400, "connection lost") \
	X(OUTPUT_OVERFLOW, 23, "output-overflow", 1429, "peer does not read") \
	X(PLMN_MISMATCH, 24, "plmn-mismatch", 1400, "other PLMN") \
	X(SCHEME_MISMATCH, 25, "scheme-mismatch", 1400, "other key scheme") \
	X(RELEASED, 26, "released", 1400, "context released") \
	X(DETACHED, 27, "detached", 1400, "UE detached") \
	X(SUPERSEDED, 28, "superseded", 1400, "replaced by a newer context") \
	X(PEER_SILENT, 29, "peer-silent", 1408, "peer does not answer heartbeats") \
	X(DUPLICATE_FIELD, 30, "duplicate-field", 1400, "field that may come once came twice") \
	X(STORE_FULL, 31, "store-full", 1429, "no room to store what this would change") \
	X(ENB_SHARE, 32, "enb-share", 1429, "eNodeB has its share of the attaches under way") \
	X(NO_CERTIFICATE, 40, "no-certificate", 1403, "peer showed no certificate") \
	X(UNKNOWN_CA, 41, "unknown-ca", 1403, "certificate of a CA that is not trusted") \
	X(CERTIFICATE_EXPIRED, 42, "certificate-expired", 1403, "certificate has expired") \
	X(CERTIFICATE_INVALID, 43, "certificate-invalid", 1403, "certificate does not verify") \
	X(IDENTITY_MISMATCH, 44, "identity-mismatch", 1403, "certificate names another node") \
	X(TLS_FAILED, 45, "tls-failed", 1403, "TLS failed") \
	X(ALPN_MISMATCH, 46, "alpn-mismatch", 1403, "no common application protocol") \
	X(REFUSED_BY_PEER, 47, "refused-by-peer", 1403, "peer refused the association") \
	X(CERTIFICATE_REVOKED, 48, "certificate-revoked", 1403, \
	  "certificate is in the revocation list") \
	X(CERTIFICATE_NOT_YET_VALID, 49, "certificate-not-yet-valid", 1403, \
	  "certificate not valid before a later time") \
	X(CRL_INVALID, 50, "crl-invalid", 1400, "revocation list not readable or not of the CA") \
	X(CRL_STALE, 51, "crl-stale", 1411, "revocation list out of date") \
	X(UNKNOWN_SUBSCRIBER, 60, "unknown-subscriber", 1404, "IMSI not in the subscriber list") \
	X(MAC_FAILURE, 61, "mac-failure", 1403, "AUTN does not verify") \
	X(SYNCH_FAILURE, 62, "synch-failure", 1403, "SQN out of range") \
	X(AMF_SEPARATION, 63, "amf-separation", 1403, "AMF separation bit is 0") \
	X(AUTHENTICATION_FAILED, 64, "authentication-failed", 1403, "RES is not XRES") \
	X(NO_COMMON_ALGORITHM, 65, "no-common-algorithm", 1403, "no algorithm both sides allow") \
	X(CAPABILITY_MISMATCH, 66, "capability-mismatch", 1403, "replayed capabilities differ") \
	X(NULL_CIPHERING, 67, "null-ciphering", 1403, "H_key is not issued over EEA0") \
	X(BAD_NAS_PDU, 68, "bad-nas-pdu", 1400, "NAS PDU malformed or header type not allowed") \
	X(BAD_NAS_MAC, 69, "bad-nas-mac", 1403, "NAS MAC wrong") \
	X(NAS_REPLAY, 70, "nas-replay", 1403, "NAS COUNT used already") \
	X(BAD_PDCP_PDU, 71, "bad-pdcp-pdu", 1400, "PDCP PDU malformed") \
	X(BAD_PDCP_MAC, 72, "bad-pdcp-mac", 1403, "MAC-I wrong") \
	X(PDCP_REPLAY, 73, "pdcp-replay", 1403, "PDCP COUNT used already") \
	X(COUNT_EXHAUSTED, 74, "count-exhausted", 1400, "COUNT would wrap") \
	X(NO_SECURITY_CONTEXT, 75, "no-security-context", 1400, "no keys for this PDU") \
	X(NO_WRAPPED_KEY, 80, "no-wrapped-key", 1410, "no wrapped key for this target") \
	X(LIST_NOT_DELIVERED, 81, "list-not-delivered", 1410, "H_key not handed to the UE yet") \
	X(ENTRY_BURNT, 82, "entry-burnt", 1410, "wrapped key was used in an attempt") \
	X(STALE_LIST, 83, "stale-list", 1411, "list older than allowed") \
	X(UNKNOWN_KEY_ID, 84, "unknown-key-id", 1412, "no MME-eNB_key of this id") \
	X(STALE_GENERATION, 85, "stale-generation", 1411, "generation at or below the floor") \
	X(UNKNOWN_GENERATION, 86, "unknown-generation", 1411, \
	  "UE has no H_key of this generation") \
	X(UNWRAP_FAILED, 87, "unwrap-failed", 1412, "wrapped key does not open") \
	X(TARGET_REFUSED, 88, "target-refused", 1413, "target refused the handover") \
	X(TARGET_UNREACHABLE, 89, "target-unreachable", 1413, "no association with the target") \
	X(EMPTY_LIST, 90, "empty-list", 1400, "neighbour list without a usable eNodeB") \
	X(LIST_TOO_LONG, 91, "list-too-long", 1400, "neighbour list above the limit") \
	X(OWN_ID, 92, "own-id", 1400, "neighbour list names its sender") \
	X(BAD_EVIDENCE, 93, "bad-evidence", 1403, "UE's evidence does not prove this move") \
	X(HANDOVER_IN_PROGRESS, 94, "handover-in-progress", 1409, "UE is in a handover") \
	X(NOT_A_NEIGHBOUR, 95, "not-a-neighbour", 1405, "target is not a neighbour") \
	X(WRAP_MISMATCH, 96, "wrap-mismatch", 1412, "wrapped key has the wrong length") \
	X(ALREADY_SERVING, 97, "already-serving", 1409, "target serves the UE already") \
	X(STALE_KEY_ID, 98, "stale-key-id", 1412, "older MME-eNB_key than the one in use") \
	X(USAGE, 110, "usage", -32602, "wrong parameter") \
	X(CONFIG, 111, "config", 1400, "wrong configuration") \
	X(CANNOT_CONNECT, 112, "cannot-connect", 1400, "connection could not be made") \
	X(NOT_FOUND, 113, "not-found", 1404, "not found") \
	X(ALREADY_EXISTS, 114, "already-exists", 1409, "exists already") \
	X(FAULTS_OFF, 115, "faults-off", 1403, "faults need lab.faults: true") \
	X(SANDBOXED, 116, "sandboxed", 1403, "file is outside of what the sandbox allows") \
	X(READ_ONLY, 117, "read-only", 1403, "viewers change nothing")

enum kh_err {
	KH_OK = 0,
#define KH_ERR_ENUM(id, num, name, code, text) KH_E_##id = -(num),
	KH_ERRORS(KH_ERR_ENUM)
#undef KH_ERR_ENUM
};

#define KH_CAUSE_MAX 128 /* every cause number is below */

/* Name of a KH_E_* value ("unwrap-failed"); "none" for 0, "unknown-cause" for a number without a row. */
const char *err_name(int err);
/* One line of text for people. */
const char *err_text(int err);
/* Code of the JSON-RPC error (1400.. or -32602). */
int err_code(int err);
/* Number on the wire of `err`, and back. A number without a row comes back as KH_E_INTERNAL. */
unsigned err_to_cause(int err);
int err_from_cause(unsigned cause);

#endif
