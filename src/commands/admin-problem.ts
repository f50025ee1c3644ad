import { printable } from '../runtime/printable.ts'
import { CommandFailure } from './command-failure.ts'

/** What an answer with problem details (RFC 9457) says, as far as it is shown. */
interface ProblemDetails {
  readonly type: string
  readonly title: string
  readonly detail?: string
  readonly problems?: readonly {
    readonly where: string
    readonly path: string
    readonly message: string
    readonly hint?: string
  }[]
}

const HINT = 'name a file with a token: --token-file FILE; or run the command as the user that runs Limpet'

/** The admin API has refused a request. The message is the text for the terminal. */
export class AdminProblem extends CommandFailure {
  /** The kind of problem, such as `not-found` or `last-server`. */
  readonly code: string

  constructor(details: ProblemDetails) {
    const code = details.type.replace(/^.*\//, '')
    super(code === 'unauthorized' ? `${textOf(details)} (${HINT})` : textOf(details))
    this.code = code
  }
}

/** Reads the body of an answer; undefined if it has no problem details. */
export function problemFrom(type: string, body: string): AdminProblem | undefined {
  if (!type.startsWith('application/problem+json')) return undefined
  return new AdminProblem(JSON.parse(body))
}

function textOf({ title, detail, problems = [] }: ProblemDetails): string {
  const lines = problems.map(({ where, path, message, hint }) => {
    const place = [where, path].filter((part) => part !== '')
    return printable([...place, hint === undefined ? message : `${message} (${hint})`].join(': '))
  })
  // Where there are mistakes, `detail` only repeats them.
  if (lines.length === 0) return printable(detail ?? title)
  return lines.length === 1 ? lines[0]! : [`${lines.length} problems`, ...lines].join('\n')
}
