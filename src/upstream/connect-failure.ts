import { Failure } from '../exchange/failure.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { tlsFaultIn } from '../runtime/server-tls.ts'
import { shortageIn } from '../runtime/shortage.ts'

/** Why no connection to a server could be opened. */
export function connectFailure(error: Error | undefined, isSecure: boolean, { notices }: WorkerContext): Failure {
  const shortage = shortageIn(error)
  if (shortage !== undefined) notices.shortage(shortage)
  const detail = error?.message ?? 'the connection was closed'
  if (shortage !== undefined) return new Failure('shortage', detail)
  const fault = isSecure && error !== undefined ? tlsFaultIn(error) : undefined
  return fault === undefined ? new Failure('connect-failed', detail) : new Failure('tls-failed', fault)
}
