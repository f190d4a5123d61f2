/** Stands for vitest in bundles: what a child uses of the tests' support asks for nothing of it. */
export function inject(): never {
  throw new Error('there is no test runner in a child');
}
