-- keyhop's S1, X2 and Uu for Wireshark: on TCP, under TLS 1.3 (by ALPN), on SCTP (by PPID), and in the daemons' own
-- captures. Needs the project's .proto files where Wireshark finds them; `keyhop wireshark --user` puts both in place.
--
-- Filter: keyhop.step == 7 && keyhop.ue == "001010000000001", keyhop.message == "x2.handover_request",
-- keyhop.generation, keyhop.mme_ue_id, keyhop.enb, keyhop.c_rnti, keyhop.interface, keyhop.protection.

local NAMES = {
  s1 = {
    [2] = "enb_key", [3] = "neighbour_list", [4] = "wrapped_key_list", [12] = "location_update",
    [13] = "new_key_list", [20] = "s1_setup_request", [21] = "s1_setup_response", [22] = "s1_setup_failure",
    [23] = "initial_ue_message", [24] = "downlink_nas", [25] = "uplink_nas", [26] = "initial_context_setup_request",
    [27] = "initial_context_setup_response", [28] = "initial_context_setup_failure",
    [29] = "ue_context_release_request", [30] = "ue_context_release_command", [31] = "ue_context_release_complete",
    [32] = "neighbour_list_failure", [33] = "error_indication", [34] = "enb_key_ack", [35] = "heartbeat",
  },
  x2 = {
    [7] = "handover_request", [8] = "handover_response", [11] = "handover_complete", [13] = "new_key_list",
    [20] = "x2_setup_request", [21] = "x2_setup_response", [22] = "x2_setup_failure", [23] = "handover_failure",
    [24] = "handover_cancel", [25] = "error_indication", [26] = "heartbeat", [27] = "handover_cancel_ack",
  },
  rrc = {
    [6] = "measurement_report", [9] = "handover_command", [10] = "handover_confirm",
    [20] = "rrc_connection_request", [21] = "rrc_connection_setup", [22] = "rrc_connection_reject",
    [23] = "rrc_connection_setup_complete", [24] = "security_mode_command", [25] = "security_mode_complete",
    [26] = "security_mode_failure", [27] = "rrc_reconfiguration", [28] = "rrc_reconfiguration_complete",
    [29] = "dl_information_transfer", [30] = "ul_information_transfer", [31] = "rrc_connection_release",
    [32] = "handover_confirm_ack", [33] = "handover_failure", [34] = "reestablishment_request",
    [35] = "reestablishment", [36] = "reestablishment_reject", [37] = "reestablishment_complete",
    [38] = "radio_link_failure",
  },
  nas = {
    [5] = "h_key_delivery", [20] = "attach_request", [21] = "authentication_request",
    [22] = "authentication_response", [23] = "authentication_failure", [24] = "authentication_reject",
    [25] = "security_mode_command", [26] = "security_mode_complete", [27] = "security_mode_reject",
    [28] = "attach_accept", [29] = "attach_complete", [30] = "attach_reject", [31] = "detach_request",
    [32] = "detach_accept", [33] = "location_evidence",
  },}
local TOP = { s1 = "keyhop.s1.S1", x2 = "keyhop.x2.X2", rrc = "keyhop.rrc.Rrc", nas = "keyhop.nas.Nas", uu = "keyhop.rrc.Uu" }
local LABEL = { s1 = "S1", x2 = "X2", uu = "Uu" }
local PORTS = { s1 = 36512, x2 = 36522, uu = 36532 }
local PPIDS = { s1 = 0x4b485031, x2 = 0x4b485032, uu = 0x4b485033 }
local PPID_TLS = 0x4b485054
local FRAME_MAX = 65536

-- Where a message of an interface carries what everybody asks for: message number -> field number.
local MME_UE_ID = { s1 = { [3] = 1, [4] = 1, [12] = 1, [13] = 1, [24] = 1, [25] = 1, [26] = 1, [27] = 1, [28] = 1, [29] = 1,
                           [30] = 1, [31] = 1, [32] = 1, [33] = 2 },
                    x2 = { [7] = 2, [13] = 1 }, rrc = {}, nas = { [28] = 1 } }
local GENERATION = { s1 = { [4] = 2, [13] = 2, [24] = 4 }, x2 = { [13] = 2 }, rrc = { [9] = 2, [33] = 2 }, nas = { [5] = 1, [33] = 2 } }
local ENB = { s1 = { [12] = 4, [20] = 1 }, x2 = { [20] = 1, [21] = 1 }, rrc = { [9] = 1 }, nas = { [33] = 1 } }
local LABELS = { s1 = { [13] = 6, [26] = 5 }, x2 = { [7] = 5, [13] = 6 }, rrc = {}, nas = { [20] = 1 } }
local NAS = { s1 = { [12] = 2, [23] = 2, [24] = 3, [25] = 2, [26] = 6 }, x2 = {},
              rrc = { [10] = 1, [23] = 1, [27] = 3, [29] = 1, [30] = 1 }, nas = {} }

local keyhop = Proto("keyhop", "keyhop signalling")
local f = {
  interface = ProtoField.string("keyhop.interface", "Interface"),
  step = ProtoField.uint8("keyhop.step", "Step of the contribution"),
  message = ProtoField.string("keyhop.message", "Message"),
  ue = ProtoField.string("keyhop.ue", "UE"),
  mme_ue_id = ProtoField.uint32("keyhop.mme_ue_id", "MME-UE-id"),
  c_rnti = ProtoField.uint32("keyhop.c_rnti", "C-RNTI"),
  generation = ProtoField.uint64("keyhop.generation", "Generation"),
  enb = ProtoField.uint32("keyhop.enb", "eNB_ID"),
  bearer = ProtoField.uint8("keyhop.bearer", "Bearer", base.DEC, { [0] = "SRB0", [1] = "SRB1", [2] = "DRB1" }),
  protection = ProtoField.string("keyhop.protection", "Protection"),
  length = ProtoField.uint32("keyhop.length", "Length"),
  header = ProtoField.uint8("keyhop.nas.header", "NAS security header", base.DEC,
    { [0] = "plain", "integrity", "integrity and ciphering", "integrity, new context", "integrity and ciphering, new context" }, 0xf0),
  nas_mac = ProtoField.bytes("keyhop.nas.mac", "NAS MAC"),
  nas_seq = ProtoField.uint8("keyhop.nas.seq", "NAS sequence number"),
  pdcp_sn = ProtoField.uint8("keyhop.pdcp.sn", "PDCP sequence number", base.DEC, nil, 0x1f),
  ciphered = ProtoField.bytes("keyhop.ciphered", "Ciphered"),
  mac_i = ProtoField.bytes("keyhop.pdcp.mac_i", "MAC-I"),
}
local fields = {}
for _, field in pairs(f) do fields[#fields + 1] = field end
keyhop.fields = fields
local too_long = ProtoExpert.new("keyhop.frame_too_long", "Length 0 or above 65536", expert.group.MALFORMED, expert.severity.ERROR)
keyhop.experts = { too_long }

local comment = Field.new("frame.comment")
local protobuf = Dissector.get("protobuf")

-- What earlier packets told about later ones. Emptied when a file is opened.
local ue_of_mme_id, ue_of_c_rnti, handovers, answers

function keyhop.init()
  ue_of_mme_id, ue_of_c_rnti, handovers, answers = {}, {}, {}, {}
end

-- A varint of a range of octets at `at`: number, the place after it; nil when it is cut.
local function varint(b, at)
  local value, factor = 0, 1
  while at < b:len() and factor < 2 ^ 56 do
    local octet = b:get_index(at)
    at = at + 1
    value = value + (octet % 128) * factor
    if octet < 128 then return value, at end
    factor = factor * 128
  end
  return nil
end

-- Calls each(number, wire type, value, place, length) for every field; false when the octets are no message.
local function walk(b, each)
  local at = 0
  while at < b:len() do
    local tag, after = varint(b, at)
    if not tag or tag < 8 then return false end
    local wire, value, len = tag % 8, nil, nil
    if wire == 0 then
      value, at = varint(b, after)
      if not value then return false end
      len = at - after
    elseif wire == 1 or wire == 5 then
      len = wire == 1 and 8 or 4
      at = after + len
    elseif wire == 2 then
      len, after = varint(b, after)
      if not len then return false end
      at = after + len
    else
      return false
    end
    if at > b:len() then return false end
    if each then each(math.floor(tag / 8), wire, value, after, len) end
  end
  return true
end

-- {number = {wire =, value =, at =, len =}} of the last field of each number; nil when it is no message.
local function parse(b)
  local found = {}
  local function keep(number, wire, value, at, len) found[number] = { wire = wire, value = value, at = at, len = len } end
  if not walk(b, keep) then return nil end
  return found
end

-- Top-level message: its number and its fields; nil when it is not one of ours.
local function open(interface, b)
  local top = parse(b)
  local number = top and next(top)
  if not number or next(top, number) or not NAMES[interface][number] or top[number].wire ~= 2 then return nil end
  if top[number].len == 0 then return number, {}, nil, 0 end
  local body = b:subset(top[number].at, top[number].len)
  return number, parse(body), body, top[number].at
end

local function show_protobuf(kind, tvb, pinfo, tree)
  pinfo.private["pb_msg_type"] = "message," .. TOP[kind]
  pcall(Dissector.call, protobuf, tvb, pinfo, tree)
end

local function number_of(fields_of, where, number)
  local field = where[number] and fields_of and fields_of[where[number]]
  return field and field.value
end

-- A message of S1, X2, RRC or NAS in clear. `m` collects what the columns say; gives its number.
local dissect_nas
local function dissect_message(kind, tvb, pinfo, tree, m)
  local bytes = tvb:bytes()
  local number, body, body_bytes, offset = open(kind, bytes)
  if not number then return nil end
  local name = kind .. "." .. NAMES[kind][number]
  tree:add(f.message, tvb(), name)
  m.names[#m.names + 1] = NAMES[kind][number]
  m.messages[name] = true
  if number < 20 then
    tree:add(f.step, tvb(0, 1), number)
    m.steps[number] = true
    m.step = m.step or number
  end
  local id = number_of(body, MME_UE_ID[kind], number)
  if id and id > 0 then
    tree:add(f.mme_ue_id, tvb(), id)
    m.mme_ue_id = id
  end
  local generation = number_of(body, GENERATION[kind], number)
  if kind == "x2" and number == 7 and body and body[3] and body[3].len > 0 then generation = number_of(parse(body_bytes:subset(body[3].at, body[3].len)), { 1 }, 1) end
  if generation and generation > 0 then
    tree:add(f.generation, tvb(), UInt64(generation % 2 ^ 32, math.floor(generation / 2 ^ 32)))
    m.generation = generation
  end
  -- A downlink NAS transport that is marked with a generation carries message 5, unread.
  if kind == "s1" and number == 24 and generation and generation > 0 and not m.steps[5] then
    tree:add(f.step, tvb(0, 1), 5)
    m.steps[5] = true
    m.step = 5
  end
  local enb = number_of(body, ENB[kind], number)
  if enb then tree:add(f.enb, tvb(), enb) end
  local label = LABELS[kind][number] and body and body[LABELS[kind][number]]
  if label and label.len == 15 then m.ue = body_bytes:subset(label.at, 15):raw() end
  m.body, m.number = m.body or body, m.number or number
  show_protobuf(kind, tvb, pinfo, tree)
  local nas = NAS[kind][number] and body and body[NAS[kind][number]]
  if nas and nas.len > 0 then dissect_nas(tvb(offset + nas.at, nas.len):tvb(), pinfo, tree, m) end
  return number
end

function dissect_nas(tvb, pinfo, tree, m)
  local t = tree:add(keyhop, tvb(), "NAS")
  local kind = math.floor(tvb(0, 1):uint() / 16)
  t:add(f.header, tvb(0, 1))
  local at = kind == 0 and 1 or 6
  if tvb:len() <= at then return end
  if kind ~= 0 then
    t:add(f.nas_mac, tvb(1, 4))
    t:add(f.nas_seq, tvb(5, 1))
  end
  local inner = tvb(at):tvb()
  if kind == 2 or kind == 4 or not dissect_message("nas", inner, pinfo, t, m) then
    -- With a null cipher even that is a message; short ciphertext may look like the begin of one.
    local number, fields = open("nas", inner:bytes())
    if not number or not fields or not dissect_message("nas", inner, pinfo, t, m) then t:add(f.ciphered, inner()) end
  end
end

-- The Uu carrier: C-RNTI, bearer and a PDU, which is RRC on SRB0 and PDCP around RRC or data on the others.
local function dissect_uu(tvb, pinfo, tree, m)
  local top = parse(tvb:bytes())
  show_protobuf("uu", tvb, pinfo, tree)
  if not top then return end
  local c_rnti, bearer = top[1] and top[1].value or 0, top[2] and top[2].value or 0
  tree:add(f.c_rnti, tvb(), c_rnti)
  tree:add(f.bearer, tvb(), bearer)
  m.c_rnti, m.bearer = c_rnti, bearer
  local pdu = top[3]
  if not pdu or pdu.len == 0 then return end
  local inner = tvb(pdu.at, pdu.len):tvb()
  if bearer == 0 then
    dissect_message("rrc", inner, pinfo, tree, m)
  elseif bearer == 1 and inner:len() > 5 then
    local t = tree:add(keyhop, inner(), "PDCP")
    local sdu = inner(1, inner:len() - 5):tvb()
    t:add(f.pdcp_sn, inner(0, 1))
    if not dissect_message("rrc", sdu, pinfo, t, m) then t:add(f.ciphered, sdu()) end
    t:add(f.mac_i, inner(inner:len() - 4))
  else
    m.names[#m.names + 1] = "user data"
    tree:add(f.ciphered, inner())
  end
end

-- Who is the UE? By its label, else by ids that labels were seen with.
local function learn(interface, pinfo, m)
  local from, to = tostring(pinfo.src), tostring(pinfo.dst)
  if interface == "uu" then
    -- The cell is the end with the lower place: the one that the other connects to.
    local cell = pinfo.dst_port < pinfo.src_port and to .. pinfo.dst_port or from .. pinfo.src_port
    local key = cell .. "/" .. m.c_rnti
    if m.ue then ue_of_c_rnti[key] = m.ue end
    m.ue = m.ue or ue_of_c_rnti[key]
    -- 8 named this C-RNTI before the UE came: it is known by the address of the cell alone.
    local address = m.c_rnti ~= 0 and (handovers[to .. "/" .. m.c_rnti] or handovers[from .. "/" .. m.c_rnti])
    m.ue = m.ue or address
    return
  end
  if m.ue and m.mme_ue_id then ue_of_mme_id[m.mme_ue_id] = m.ue end
  m.ue = m.ue or (m.mme_ue_id and ue_of_mme_id[m.mme_ue_id])
  if interface ~= "x2" or not m.body then return end
  local function value(number) return m.body[number] and m.body[number].value or 0 end
  if m.number == 7 then
    handovers[from .. ">" .. to .. "#" .. value(1)] = m.ue
  elseif m.number == 8 or m.number == 11 or m.number == 23 or m.number == 27 then
    m.ue = m.ue or handovers[to .. ">" .. from .. "#" .. value(1)]
    if m.number == 8 and m.ue then handovers[from .. "/" .. value(3)] = m.ue end
  elseif m.number == 24 then
    m.ue = m.ue or handovers[from .. ">" .. to .. "#" .. value(1)]
  end
end

-- The daemons, and `keyhop decrypt`, tell in the packet's comment what is inside that only a key opens.
-- One packet may hold several messages: `end` is the last octets of the one that is meant.
local function read_comment(tree, tvb, m)
  local tail = tvb:len() >= 4 and tvb(tvb:len() - 4, 4):bytes():tohex(true) or "00000000"
  for _, info in ipairs({ comment() }) do
    for part in tostring(info.value):gmatch("[^;]+") do
      local step, name, meant = part:match("step=(%d+)%s"), part:match("message=([%w_.]+)"), part:match(" end=(%x+)")
      if meant and meant ~= tail then
        name, part = nil, ""
      end
      if name and not name:match("^uu%.") and not m.messages[name] then
        tree:add(f.message, tvb(), name):append_text(" (from the comment)")
        m.messages[name] = true
        m.names[#m.names + 1] = name:match("%.(.*)")
        if step and not m.steps[tonumber(step)] then
          tree:add(f.step, tvb(), tonumber(step)):append_text(" (from the comment)")
          m.steps[tonumber(step)] = true
          m.step = m.step or tonumber(step)
        end
      end
      m.comment_ue = m.comment_ue or part:match(" ue=(%d+)")
    end
  end
end

local function protection(interface, m, tunnel)
  if interface ~= "uu" then return tunnel and "tunnel" or "clear" end
  return (m.bearer or 0) == 0 and "clear" or "rrc"
end

-- One whole message without its length. A frame may hold several: columns grow.
local function dissect_one(interface, tvb, pinfo, tree, tunnel, alone)
  local t = tree:add(keyhop, tvb(), "keyhop " .. LABEL[interface])
  local m = { names = {}, steps = {}, messages = {} }
  t:add(f.interface, tvb(), LABEL[interface])
  if interface == "uu" then
    dissect_uu(tvb, pinfo, t, m)
  elseif not dissect_message(interface, tvb, pinfo, t, m) then
    show_protobuf(interface, tvb, pinfo, t)
  end
  if alone then read_comment(t, tvb, m) end
  local key = pinfo.number .. "/" .. tostring(tvb:offset()) .. "/" .. tvb:len()
  if not pinfo.visited then
    learn(interface, pinfo, m)
    m.ue = m.ue or m.comment_ue
    if m.comment_ue and interface == "uu" then
      local cell = pinfo.dst_port < pinfo.src_port and tostring(pinfo.dst) .. pinfo.dst_port or tostring(pinfo.src) .. pinfo.src_port
      ue_of_c_rnti[cell .. "/" .. m.c_rnti] = m.comment_ue
    end
    answers[key] = m.ue
  end
  m.ue = answers[key]
  if m.ue then t:add(f.ue, tvb(), m.ue):set_generated() end
  t:add(f.protection, tvb(), protection(interface, m, tunnel)):set_generated()
  local text = (m.step and m.step .. " " or "") .. table.concat(m.names, " / ")
  if #m.names == 0 then text = interface == "uu" and "ciphered" or "unknown message" end
  if m.ue then text = text .. " ue=" .. m.ue end
  t:append_text(": " .. text)
  return text
end

local function columns(pinfo, texts)
  pinfo.cols.protocol = "keyhop"
  if #texts > 0 then pinfo.cols.info = table.concat(texts, " | ") end
  pinfo.cols.info:fence()
end

-- Frames of a 4-octet length and a message on a stream.
local function stream(interface, tunnel)
  return function(tvb, pinfo, tree)
    local texts = {}
    local function length(b, _, offset)
      local len = b(offset, 4):uint()
      return (len == 0 or len > FRAME_MAX) and 4 or len + 4
    end
    local function one(b)
      local len = b(0, 4):uint()
      if len == 0 or len > FRAME_MAX then
        tree:add(keyhop, b(0, 4), "keyhop " .. LABEL[interface]):add_proto_expert_info(too_long)
        return b:len()
      end
      tree:add(f.length, b(0, 4))
      texts[#texts + 1] = dissect_one(interface, b(4):tvb(), pinfo, tree, tunnel, true)
      return b:len()
    end
    dissect_tcp_pdus(tvb, tree, 4, length, one)
    columns(pinfo, texts)
    return tvb:len()
  end
end

local function bare(interface, tunnel)
  return function(tvb, pinfo, tree)
    columns(pinfo, { dissect_one(interface, tvb, pinfo, tree, tunnel, true) })
    return tvb:len()
  end
end

-- TLS is given whole records: called from here it cannot ask for more segments itself.
local function tls_records(tvb, pinfo, tree)
  local function length(b, _, offset) return b(offset + 3, 2):uint() + 5 end
  local function one(b)
    Dissector.get("tls"):call(b, pinfo, tree)
    return b:len()
  end
  dissect_tcp_pdus(tvb, tree, 5, length, one)
  return tvb:len()
end

-- A length above 65536 does not exist, so a frame begins with a zero octet and a TLS record does not.
local function clear_or_tls(interface)
  local frames = stream(interface, false)
  return function(tvb, pinfo, tree)
    if tvb(0, 1):uint() == 0 then return frames(tvb, pinfo, tree) end
    return tls_records(tvb, pinfo, tree)
  end
end

for interface, label in pairs(LABEL) do
  local tcp = Proto("keyhop_tcp_" .. interface, "keyhop " .. label .. " on a stream")
  tcp.dissector = clear_or_tls(interface)
  DissectorTable.get("tcp.port"):add(PORTS[interface], tcp)
  local sctp = Proto("keyhop_sctp_" .. interface, "keyhop " .. label .. " on SCTP")
  sctp.dissector = stream(interface, false)
  DissectorTable.get("sctp.ppi"):add(PPIDS[interface], sctp)
  if interface ~= "uu" then
    local tls = Proto("keyhop_tls_" .. interface, "keyhop " .. label .. " under TLS")
    tls.dissector = stream(interface, true)
    DissectorTable.get("tls.alpn"):add("keyhop-" .. interface .. "/1", tls)
  end
  -- The daemons' own captures name these.
  local own = Proto("keyhop_" .. interface, "keyhop " .. label .. " message")
  own.dissector = bare(interface, true)
end

local tls_in_sctp = Proto("keyhop_sctp_tls", "keyhop TLS on SCTP")
function tls_in_sctp.dissector(tvb, pinfo, tree) return Dissector.get("tls"):call(tvb, pinfo, tree) end
DissectorTable.get("sctp.ppi"):add(PPID_TLS, tls_in_sctp)
