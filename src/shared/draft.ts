/** What is not finished yet: an object that its maker still changes, of a type that nobody changes later. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };
