#include "daemon.h"
#include "mme.h"

int main(int argc, char **argv)
{
	return daemon_main(&mme_daemon, argc, argv);
}
