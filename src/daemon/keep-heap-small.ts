import { keepHeapSmall } from '../shared/keep-heap-small.js';

/* Imported for its effect, and first of all. */
keepHeapSmall();
