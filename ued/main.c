#include "daemon.h"
#include "ued.h"

int main(int argc, char **argv)
{
	return daemon_main(&ued_daemon, argc, argv);
}
