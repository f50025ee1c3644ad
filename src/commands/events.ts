import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import { AdminClient, type StreamedEvent, Unreachable } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'
import { describeEvent } from './event-text.ts'

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

function asLine(event: StreamedEvent): string {
  const { at, type, text } = describeEvent(event)
  return [at, type, text].join('  ')
}
