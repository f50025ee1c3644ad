import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import type { Drain } from '../admin/drain.ts'
import { printable } from '../config/error.ts'
import { AdminClient, type StreamedEvent, Unreachable } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { formatDrain } from './drain-progress.ts'
import { formatServer } from './server-argument.ts'

interface EventsOptions extends AdminOptions {
  readonly since?: string
}

/** How long to wait before the stream is opened again, and how often that may fail in a row. */
const AGAIN_AFTER = 1000
const FAILURES = 60

/** `limpet events`: prints what happens, as it happens. */
export function eventsCommand(): Command {
  const command = new Command('events')
    .summary('print what happens, as it happens')
    .description(
      'Prints each change of the configuration, of health and of drains, until Ctrl-C. Goes on after an upgrade or a restart, and misses nothing that is still kept.',
    )
    .option('--since <id>', 'begin with what came after the event of that id')
    .action(printEvents)
  return withExamples(withAdminOptions(command), 'limpet events --json | jq .type')
}

async function printEvents({ json, since = '', ...options }: EventsOptions): Promise<void> {
  const client = await AdminClient.from(options)
  let lastId = since
  let failures = 0
  let stream: AsyncIterable<StreamedEvent> | undefined
  for (;;) {
    try {
      stream = await client.events('/v1/events', lastId)
      failures = 0
      for await (const event of stream) {
        lastId = event.id
        console.log(json ? asJson(event) : asLine(event))
      }
    } catch (error) {
      // A stream that broke is opened again; one that never opened is an error.
      if (!(error instanceof Unreachable) || stream === undefined || ++failures > FAILURES) throw error
    }
    await setTimeout(AGAIN_AFTER)
  }
}

function asJson({ id, type, data }: StreamedEvent): string {
  return JSON.stringify({ id, type, ...JSON.parse(data) })
}

function asLine({ type, data }: StreamedEvent): string {
  const { at, ...event } = JSON.parse(data) as { at?: string } & EventData
  return printable([at ?? '-', type, textOf(type, event)].join('  '))
}

/** What events have in them. */
interface EventData {
  readonly message?: string
  readonly author?: string
  readonly changes?: readonly string[]
  readonly drain?: Drain
  readonly [key: string]: unknown
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
