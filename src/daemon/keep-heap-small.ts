import { setFlagsFromString } from 'node:v8';

/*
 * Imported for its effect, and first of all: keeps V8's young generation at its initial size. By default it grows to 3 × 16 MiB, already
 * while modules are loaded, and stays there for hours: more than all the rest of the heap. Measured after 40 containers had come and gone,
 * with 30 running: 59 MiB instead of 88. As a flag of the command line it would have to be given by whoever starts node.
 */
setFlagsFromString('--semi-space-growth-factor=1');
