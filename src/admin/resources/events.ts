import { createRoute, z } from '@hono/zod-openapi'
import { eventMeanings } from '../event-meanings.ts'
import type { EventStream } from '../event-stream.ts'
import { OperationRefused } from '../operation-refused.ts'
import { answerWithEvents, type Descriptions, type Resources, refusals, serverSentEvents } from '../resource.ts'

const types = Object.keys(eventMeanings).filter((type) => type !== 'gap')

/** What happens, as it happens. */
export function addEvents(api: Resources, { reads }: Descriptions, stream: EventStream): void {
  const watch = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/events',
    summary: 'What happens, as server-sent events',
    description: `Types: ${types.join(', ')}; and gap, where events after Last-Event-ID are no longer kept.`,
    request: {
      headers: z.object({
        'last-event-id': z.string().optional().openapi({ description: 'The id of the last event that was received.' }),
      }),
    },
    responses: { 200: serverSentEvents, ...refusals },
  })
  api.openapi(watch, (context) => {
    const lastId = idIn(context.req.valid('header')['last-event-id'])
    return answerWithEvents(context, () => stream.open(lastId))
  })
}

function idIn(written: string | undefined): number | undefined {
  if (written === undefined || written === '') return undefined
  const id = Number(written)
  if (/^\d+$/.test(written) && Number.isSafeInteger(id)) return id
  throw new OperationRefused('invalid', `expected Last-Event-ID to be a number, found ${JSON.stringify(written)}`)
}
