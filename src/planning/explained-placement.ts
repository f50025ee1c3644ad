import type { Session } from '../affinity/affinity.ts'
import type { ServerState } from '../balancing/server-state.ts'
import { Failure } from '../exchange/failure.ts'
import { Placement } from '../exchange/placement.ts'
import type { RequestView } from '../exchange/request-view.ts'
import { Wait } from '../exchange/ticket.ts'
import type { UpstreamGroup } from '../exchange/upstream-group.ts'
import { affinityName } from '../runtime/affinity-name.ts'
import { now as clock, wallSeconds } from '../runtime/clock.ts'
import type { Upstream } from '../runtime/snapshot.ts'
import type { Candidate, ExplainedSession, Explanation } from './answers.ts'
import { inWords, sessionInWords } from './words.ts'

/** What an explanation says of the upstream that a request goes to. */
type ExplainedPlacement = Pick<Explanation, 'summary' | 'upstream' | 'session' | 'candidates' | 'reason'> &
  Partial<Pick<Explanation, 'server' | 'status'>> & {
    /** Why no server gets it, and it does not wait for one either. */
    readonly failure?: Failure
  }

/** Where a request goes in an upstream that is rehearsed, and why. */
export function explainedPlacement(group: UpstreamGroup, view: RequestView, isSecure: boolean): ExplainedPlacement {
  const { settings } = group
  const time = clock()
  const session = group.affinity?.read(view, wallSeconds())
  const own = ownServer(group, session)
  const placement = Placement.of(group, view)
  // Before the choice, which claims a place.
  const last =
    session === undefined ? -1 : (session.home ?? group.sessions.find(session.high, session.low, wallSeconds()))
  const candidates = group.servers.map((server) => candidateOf(server, server.settings.slot === last, time))
  const next = placement.next(time)
  const { reason = null } = placement
  const upstream = {
    name: settings.name,
    balance: settings.balance.type,
    affinity: affinityName(settings),
    ...(settings.protocol !== undefined && { protocol: settings.protocol }),
    ...(settings.tls !== undefined && { tls: true as const }),
  }
  const shown = session && explainedSession(settings, session, own, isSecure)
  const explained = { upstream, session: shown ?? null, candidates, reason }
  if (next instanceof Wait) {
    const place = next.place === undefined ? 'any server' : `its own server, ${next.place.settings.name}`
    const awaited = group.queue.pause.isOn ? 'the end of its pause' : `a place on ${place}`
    return { ...explained, summary: `waits in the queue of upstream ${settings.name} for ${awaited}` }
  }
  if (next instanceof Failure) {
    const summary = `upstream ${settings.name} answers ${next.status}: ${reason ?? next.text}`
    return { ...explained, summary, status: next.status, failure: next }
  }
  const { name } = next.settings
  const policy = session?.key === undefined ? settings.balance.type : 'a hash of its key'
  const how = next === own ? 'by its session' : `chosen by ${policy}`
  return {
    ...explained,
    server: name,
    summary: `goes to server ${name} of upstream ${settings.name}, ${how}: ${reason}`,
  }
}

/** The server on which the session is or, of a session by a key, would be if every server may serve. */
function ownServer(group: UpstreamGroup, session: Session | undefined): ServerState | undefined {
  if (session === undefined) return undefined
  if (session.home !== undefined) return group.serverIn(session.home)
  return session.key === undefined || session.standing === 'expired' || session.standing === 'removed'
    ? undefined
    : group.policyOf(session).home?.(session.key)
}

function explainedSession(
  settings: Upstream,
  session: Session,
  own: ServerState | undefined,
  isSecure: boolean,
): ExplainedSession {
  const { standing } = session
  const server = own?.settings.name ?? null
  const kind = affinityName(settings)!
  return { kind, standing, server, words: sessionInWords(settings, session, server, isSecure) }
}

function candidateOf(state: ServerState, isOwn: boolean, time: number): Candidate {
  const { name: server, address, weight, backup: isBackup } = state.settings
  const refusal = state.refusal(time, isOwn) ?? null
  const words = inWords(refusal, state.settings)
  return { server, address, weight, inFlight: state.inFlight, isBackup, refusal, words }
}
