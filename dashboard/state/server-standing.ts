import type { Server } from '../../src/admin/answers.ts'
import type { Tone } from './happening.ts'

/** What the operator wants of a server and what its checks say, as one state. */
export interface Standing {
  readonly kind: 'up' | 'ready' | 'draining' | 'down' | 'maintenance' | 'away'
  readonly word: string
  readonly tone: Tone
  /** Why, or how it stands; undefined where the word says it all. */
  readonly because: string | undefined
}

export function standingOf(server: Server): Standing {
  const { admin, health, cause } = server.state
  if (admin === 'maintenance') {
    return { kind: 'maintenance', word: 'Maintenance', tone: 'plain', because: cause ?? undefined }
  }
  if (health === 'away') return { kind: 'away', word: 'Away', tone: 'warn', because: 'it is expected back' }
  if (health === 'down') {
    const word = admin === 'drain' ? 'Down, draining' : 'Down'
    return { kind: 'down', word, tone: 'bad', because: cause ?? undefined }
  }
  if (admin === 'drain') return { kind: 'draining', ...drainOf(server) }
  if (health === 'unknown') {
    return { kind: 'ready', word: 'Ready', tone: 'plain', because: 'nothing has been sent to it yet' }
  }
  return { kind: 'up', word: 'Up', tone: 'good', because: undefined }
}

/** Whether new users may come to it. */
export function takesNewUsers({ state }: Server): boolean {
  return state.admin === 'ready' && state.health !== 'down' && state.health !== 'away'
}

function drainOf({ drain, sessions, inFlight }: Server): Omit<Standing, 'kind'> {
  const left = drain?.sessions ?? sessions?.live ?? inFlight
  const isOver = drain === null ? left === 0 && inFlight === 0 : drain.state !== 'draining'
  if (isOver) return { word: 'Drained', tone: 'plain', because: 'nobody is left' }
  const noun = drain === null && sessions === null ? 'requests in flight' : 'sessions left'
  return { word: 'Draining', tone: 'warn', because: `${left} ${left === 1 ? noun.replace(/s\b/, '') : noun}` }
}
