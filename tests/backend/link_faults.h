/* A client of three servers, as a program of its own. It links them, has them add up in one step and in two, and copy.
 */
#ifndef GW_TESTS_BACKEND_LINK_FAULTS_H
#define GW_TESTS_BACKEND_LINK_FAULTS_H

#include "backend/meddler.h"

/* Elements that three servers add up in one step, and in two. */
#define FAULTS_SMALL 1000
#define FAULTS_LARGE 30000

enum faults_outcome {
	FAULTS_NONE,     /* linked, and all results are right */
	FAULTS_UNLINKED, /* results are right, by way of the client */
	FAULTS_LOST,     /* results are wrong, and the program knows it */
	FAULTS_WRONG,    /* results are wrong, and the program does not know it */
};

/* In front of an outcome, on a line of stdout. */
#define FAULTS_OUTCOME "outcome: "

/* The client's main function. arguments: the endpoints. It prints an outcome, waits for a line from stdin, and does
 * everything again, with an outcome of its own. */
int faults_client(char **arguments);

#endif
