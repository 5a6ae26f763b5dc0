/** Arguments that cannot be used as they are. Becomes InvalidArguments, or InvalidEdit for a reviewer's edit. */
export class Misfit extends Error {
  /** Which argument, such as `to[0].name`; empty for all of them together. */
  readonly path: string;
  /** What is wrong with it. */
  readonly problem: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path || "the set of arguments"} ${problem}`, options);
    this.path = path;
    this.problem = problem;
  }
}
