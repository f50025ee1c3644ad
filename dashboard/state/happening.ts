import type { AdminEvent } from '../../src/admin/event-feed.ts'
import type { Message } from './stream.ts'

/** How many events are kept. */
export const KEPT_EVENTS = 500

export type Tone = 'good' | 'bad' | 'warn' | 'plain'
export type Topic =
  | 'health'
  | 'skew'
  | 'config'
  | 'drain'
  | 'worker'
  | 'certificate'
  | 'source'
  | 'upgrade'
  | 'operator'
  | 'other'

/** An event, as the dashboard shows it. */
export interface Happening {
  readonly id: string
  readonly at: string
  readonly type: AdminEvent['type'] | 'gap' | (string & {})
  readonly topic: Topic
  readonly tone: Tone
  readonly text: string
  readonly upstream: string | undefined
  readonly server: string | undefined
  /** How many sessions a drain had left then. */
  readonly sessions: number | undefined
}

interface Data {
  readonly at?: string
  readonly message?: string
  readonly author?: string
  readonly better?: boolean
  readonly changes?: readonly string[]
  readonly generation?: number
  readonly state?: string
  readonly worker?: number
  readonly cause?: string
  readonly upstream?: string
  readonly server?: string | null
  readonly drain?: {
    readonly upstream: string
    readonly server: string
    readonly sessions: number
    readonly state: string
  }
}

const topics: Readonly<Record<string, Topic>> = {
  'server-health': 'health',
  skew: 'skew',
  applied: 'config',
  'drain-started': 'drain',
  'drain-progress': 'drain',
  'drain-ended': 'drain',
  'worker-died': 'worker',
  certificate: 'certificate',
  source: 'source',
  upgrade: 'upgrade',
  ban: 'operator',
  operator: 'operator',
}

export function happeningOf({ id, type, data }: Message): Happening {
  const event = JSON.parse(data) as Data
  const { drain, server, upstream } = event
  return {
    id,
    at: event.at ?? new Date().toISOString(),
    type,
    topic: topics[type] ?? 'other',
    tone: toneOf(type, event),
    text: textOf(type, event),
    upstream: upstream ?? drain?.upstream,
    server: server ?? drain?.server ?? undefined,
    sessions: drain?.sessions,
  }
}

/** Whether an event says nothing any more, now that another has happened: how far a drain is comes every few seconds. */
export function isOutdated(past: Happening, { type, upstream, server }: Happening): boolean {
  const isOfDrain = type === 'drain-progress' || type === 'drain-ended'
  return isOfDrain && past.type === 'drain-progress' && past.upstream === upstream && past.server === server
}

function toneOf(type: string, { better, state, drain }: Data): Tone {
  if (type === 'worker-died' || state === 'failed') return 'bad'
  if (type === 'skew') return better ? 'good' : 'warn'
  if (better !== undefined) return better ? 'good' : 'bad'
  if (type === 'drain-ended') return drain?.state === 'cut' ? 'warn' : 'good'
  return 'plain'
}

function textOf(type: string, event: Data): string {
  const { message, author, changes, drain, worker, cause } = event
  if (type === 'gap') return 'Older events are no longer kept.'
  if (type === 'worker-died') return `worker ${worker} died and is being replaced: ${cause}`
  if (message !== undefined) return author === undefined ? message : `${message}, by ${author}`
  if (changes !== undefined) return changes.length === 0 ? `generation ${event.generation}` : changes.join('; ')
  if (drain === undefined) return type
  const which = `${drain.upstream}/${drain.server}`
  if (type === 'drain-started') return `${which}: drain started`
  if (type === 'drain-progress') return `${which}: ${drain.sessions} sessions left`
  return drain.state === 'cut' ? `${which}: drained at its deadline` : `${which}: drained, nobody is left`
}
