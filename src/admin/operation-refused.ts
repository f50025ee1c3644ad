/** The kinds of errors that the admin API answers: the last part of a problem's `type`. */
export type ProblemCode =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'timeout'
  | 'conflict'
  | 'last-server'
  | 'stale'
  | 'too-large'
  | 'unsupported-media-type'
  | 'not-kept'
  | 'failed'
  | 'busy'
  | 'internal'

/** One mistake in what was sent, as `config/` reports it. */
export interface Mistake {
  /** Where it is: `limpet.yaml:12:7`, or `body`. */
  readonly where: string
  /** The path of the key, such as `upstreams.static.servers[0]`; empty for the whole value. */
  readonly path: string
  readonly message: string
  /** How to fix it. */
  readonly hint?: string | undefined
}

/** A request of the operator that is not carried out, and changes nothing. */
export class OperationRefused extends Error {
  override readonly name = 'OperationRefused'
  readonly code: ProblemCode
  readonly problems: readonly Mistake[]

  /** @param detail what is wrong and how to fix it, in a sentence */
  constructor(code: ProblemCode, detail: string, problems: readonly Mistake[] = []) {
    super(detail)
    this.code = code
    this.problems = problems
  }
}

/**
 * @param what what there is not, such as `upstream app`
 * @param names what there is instead
 * @throws OperationRefused
 */
export function notFound(what: string, names: readonly string[]): never {
  const known =
    names.length === 0 ? 'nor any other' : `only ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`
  throw new OperationRefused('not-found', `there is no ${what}, ${known}`)
}
