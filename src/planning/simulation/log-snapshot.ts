import type { SplitKey } from '../../runtime/filter-settings.ts'
import type { Affinity, Balance, Route, Snapshot, Upstream } from '../../runtime/snapshot.ts'

/** The header with a name for the user, which stands for all that a log does not have. */
export const USER_HEADER = 'x-simulated-user'
/** How headers begin in which an application that is simulated gives its sessions, and its users return them. */
const SESSION_HEADER = 'x-simulated-session-'

/** The headers that requests of a log have. */
const LOGGED = ['host', 'user-agent']

/** A Snapshot for requests of a log, and what differs in it, one sentence each. */
export function forLog(snapshot: Snapshot): { snapshot: Snapshot; notes: string[] } {
  const notes: string[] = []
  const upstreams = snapshot.upstreams.map((upstream) => withoutWhatLogsLack(upstream, notes))
  const routes = snapshot.routes.map((route) => dividedByUser(route, notes))
  return { snapshot: { ...snapshot, upstreams, routes }, notes: [...new Set(notes)] }
}

/** The route with splits that go by what a log has. */
function dividedByUser(route: Route, notes: string[]): Route {
  const { filters } = route
  if (filters === undefined) return route
  return {
    ...route,
    filters: filters.map((filter) => {
      if (
        filter.type !== 'split' ||
        (filter.by !== 'cookie' && !(typeof filter.by === 'object' && !isOfLog(filter.by)))
      )
        return filter
      notes.push(`route ${route.path}: the log has not what its split goes by; the user stands for it`)
      return { ...filter, by: { from: 'header', name: USER_HEADER } }
    }),
  }
}

function isOfLog(key: SplitKey): boolean {
  return key.from === 'client.address' || ('name' in key && isLogged(key))
}

function withoutWhatLogsLack(upstream: Upstream, notes: string[]): Upstream {
  const { affinity, balance, name } = upstream
  const known = affinity && knownAffinity(affinity, upstream.slot)
  if (known !== affinity) notes.push(`upstream ${name}: logs have no session ids; each user has one session`)
  const tied = known && withKnownKey(known)
  const picked = withKnownKey(balance)
  if (tied !== known) notes.push(`upstream ${name}: the log has not what affinity goes by; the user stands for it`)
  if (picked !== balance)
    notes.push(`upstream ${name}: the log has not what ${balance.type} goes by; the user stands for it`)
  return { ...upstream, balance: picked, ...(tied !== undefined && { affinity: tied }) }
}

function knownAffinity(affinity: Affinity, upstream: number): Affinity {
  const from = [{ from: 'header', name: `${SESSION_HEADER}${upstream}` }] as const
  if (affinity.type === 'learn') return { ...affinity, from }
  // The application that is simulated gives each new user an id of the server that answers: it is as good as learnt.
  if (affinity.type !== 'server-id') return affinity
  const { idle, onLost, newUserWindow } = affinity
  return {
    type: 'learn',
    from,
    adopt: false,
    secret: SESSION_HEADER,
    idle,
    onLost,
    ...(newUserWindow && { newUserWindow }),
  }
}

/** The header with an upstream's sessions; undefined if its affinity learns none. */
export function sessionHeaderOf({ affinity }: Upstream): string | undefined {
  const [source] = affinity?.type === 'learn' ? affinity.from : []
  return source !== undefined && 'name' in source ? source.name : undefined
}

function withKnownKey<Tie extends Affinity | Balance>(tie: Tie): Tie {
  if (!('key' in tie) || !('name' in tie.key) || isLogged(tie.key)) return tie
  return { ...tie, key: { from: 'header', name: USER_HEADER } }
}

function isLogged({ from, name }: { readonly from: string; readonly name: string }): boolean {
  return from === 'query' || (from === 'header' && LOGGED.includes(name))
}
