import { Failure } from '../exchange/failure.ts'
import { Incident } from '../exchange/incident.ts'
import type { WorkerContext } from '../exchange/worker-context.ts'
import { tlsFaultIn } from '../runtime/server-tls.ts'
import { shortageIn } from '../runtime/shortage.ts'

/**
 * Why no connection to a server could be opened.
 *
 * @param incident what other attempts failed by, too
 */
export function connectFailure(
  error: Error | undefined,
  isSecure: boolean,
  { notices }: WorkerContext,
  incident = new Incident(false),
): Failure {
  const shortage = shortageIn(error)
  if (shortage !== undefined) notices.shortage(shortage)
  const detail = error?.message ?? 'the connection was closed'
  if (shortage !== undefined) return new Failure('shortage', detail)
  const fault = isSecure && error !== undefined ? tlsFaultIn(error) : undefined
  return fault === undefined
    ? Failure.by(incident, 'connect-failed', detail)
    : Failure.by(incident, 'tls-failed', fault)
}
