import { shortageIn } from '../runtime/shortage.ts'

/** The result of a check. */
export interface Verdict {
  readonly passed: boolean
  /** What happened, for the log: `GET /health answered 500`. */
  readonly cause: string
  /** What this process ran short of (shortage.ts), if so: the check then says nothing about the server. */
  readonly shortage?: string | undefined
}

/**
 * The verdict on a check that failed without a response.
 *
 * @param signal aborts the check when its time is over
 */
export function failureOf(what: string, error: Error, signal: AbortSignal): Verdict {
  // For a name with several addresses, node:net reports one error for all of them, which has no message.
  const { message, code = error.name } = error as NodeJS.ErrnoException
  const cause = signal.aborted ? `${what}: no answer in time` : `${what}: ${message || code}`
  return { passed: false, cause, shortage: shortageIn(error) }
}
