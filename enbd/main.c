#include "daemon.h"
#include "enb.h"

int main(int argc, char **argv)
{
	return daemon_main(&enb_daemon, argc, argv);
}
