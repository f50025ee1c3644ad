import type { Drain } from '../admin/drain.ts'
import { printable } from '../runtime/printable.ts'
import type { StreamedEvent } from './admin-client.ts'
import { formatDrain } from './drain-progress.ts'
import { formatServer } from './server-argument.ts'

/** What events have in them. */
interface EventData {
  readonly message?: string
  readonly author?: string
  readonly changes?: readonly string[]
  readonly drain?: Drain
  readonly [key: string]: unknown
}

/** An event of the admin API for a terminal: one line, without control characters. */
export interface DescribedEvent {
  /** `-` where it has no time. */
  readonly at: string
  readonly type: string
  readonly text: string
  /** The server whose drain it is about, as `upstream/server`. */
  readonly drained?: string | undefined
}

export function describeEvent({ type, data }: StreamedEvent): DescribedEvent {
  const { at = '-', ...event } = JSON.parse(data) as { at?: string } & EventData
  const drained = event.drain && formatServer(event.drain)
  return { at: printable(at), type: printable(type), text: printable(textOf(type, event)), drained }
}

/** Whether an event says nothing any more, now that another has happened: how far a drain is comes every few seconds. */
export function isOutdated(past: DescribedEvent, { type, drained }: DescribedEvent): boolean {
  const isOfDrain = type === 'drain-progress' || type === 'drain-ended'
  return isOfDrain && past.type === 'drain-progress' && past.drained === drained
}

function textOf(type: string, event: EventData): string {
  const { message, author, changes, drain } = event
  if (type === 'gap') return 'older events are no longer kept'
  if (message !== undefined) return author === undefined ? message : `${message}, by ${author}`
  if (changes !== undefined) return changes.join('; ')
  if (drain === undefined) return JSON.stringify(event)
  // How many are left is not known before the first look.
  return type === 'drain-started' ? formatServer(drain) : formatDrain(drain)
}
