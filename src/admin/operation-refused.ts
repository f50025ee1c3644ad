/** Why an operation of the admin API is refused; docs/admin.md has the status of each. */
export type RefusalCode =
  /** The request, or the configuration that it would lead to, is invalid. */
  | 'invalid'
  | 'not-found'
  /** It contradicts the present state. */
  | 'conflict'
  /** `If-Match` names a state that is no longer current. */
  | 'stale'
  /** It would leave an upstream without a server that may serve new users; `force` does it anyway. */
  | 'last-server'
  /** It cannot be saved in the state directory, so it would be lost at a restart. */
  | 'not-kept'
  | 'failed'

/** One mistake in what was given: where it is, what was expected and found, and how to fix it. */
interface Mistake {
  readonly where: string
  readonly path: string
  readonly message: string
  readonly hint?: string | undefined
}

/** An operation was refused, and has changed nothing. */
export class OperationRefused extends Error {
  override readonly name = 'OperationRefused'
  readonly code: RefusalCode
  /** Each mistake with its place, if a configuration is invalid. */
  readonly problems: readonly Mistake[]

  constructor(code: RefusalCode, message: string, problems: readonly Mistake[] = []) {
    super(message)
    this.code = code
    this.problems = problems
  }
}
