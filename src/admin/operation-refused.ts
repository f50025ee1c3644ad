import { choices } from '../config/choices.ts'

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
  | 'not-serving'
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

/** The refusal of a request for an upstream that does not exist. It says which there are. */
export function noUpstream(name: string, upstreams: readonly Named[]): OperationRefused {
  return notFound(`there is no upstream ${name}`, name, upstreams.map(nameOf))
}

/** The refusal of a request for a server that its upstream does not have. It says which it has. */
export function noServer(upstream: string, name: string, servers: readonly Named[]): OperationRefused {
  return notFound(`upstream ${upstream} has no server ${name}`, name, servers.map(nameOf))
}

/** The refusal of a request for something that does not exist; `names` are those that do. */
export function notFound(message: string, name: string, names: readonly string[]): OperationRefused {
  return new OperationRefused('not-found', `${message}; ${choices(name, names)}`)
}

interface Named {
  readonly name: string
}

function nameOf({ name }: Named): string {
  return name
}
