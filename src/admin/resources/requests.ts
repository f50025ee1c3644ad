import { createRoute, z } from '@hono/zod-openapi'
import { Explanation, type Planning } from '../planning.ts'
import type { RequestStream } from '../request-stream.ts'
import { answerWithEvents, type Descriptions, json, type Resources, refusals, serverSentEvents } from '../resource.ts'

/** How many requests a second a client gets: where it does not say, and at most. */
const RATE = 20
const HIGHEST_RATE = 200

/** The longest text that can be asked for. */
const text = z.string().min(1).max(1024)

const filter = z.strictObject({
  method: text.optional().openapi({ example: 'GET' }),
  path: text.optional().openapi({ description: 'A part of the path and query, as they are shown.' }),
  status: z
    .string()
    .regex(/^[1-5](?:\d\d|xx)$/, 'expected a status such as 404, or a class such as 5xx')
    .optional()
    .openapi({ example: '5xx' }),
  upstream: text.optional(),
  server: text.optional().openapi({ description: 'The server of the last attempt.' }),
  reason: text.optional().openapi({ description: 'A reason, or what comes before its colon.', example: 'moved' }),
  rate: z.coerce
    .number('expected a whole number')
    .int('expected a whole number')
    .min(1, 'expected at least 1')
    .max(HIGHEST_RATE, `expected at most ${HIGHEST_RATE}`)
    .optional()
    .openapi({ type: 'integer', description: `How many requests a second at most; ${RATE} if it is not said.` }),
})

/** The requests, as they end. */
export function addRequests(api: Resources, { reads }: Descriptions, planning: Planning, stream: RequestStream): void {
  const watch = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/requests/stream',
    summary: 'A sample of the requests as they end, as server-sent events',
    description: 'Their type is request, and each is a TailedRequest. What identifies a session is masked.',
    request: { query: filter },
    responses: { 200: serverSentEvents, ...refusals },
  })
  api.openapi(watch, (context) => {
    const { rate = RATE, ...wanted } = context.req.valid('query')
    return answerWithEvents(context, () => stream.open(wanted, rate))
  })

  const explain = createRoute({
    ...reads,
    method: 'post',
    path: '/v1/requests/{id}/explain',
    summary: 'Where a request that the stream has shown would go now, and why',
    request: { params: z.object({ id: z.string() }) },
    responses: { 200: json(Explanation, 'The explanation. No request was sent.'), ...refusals },
  })
  api.openapi(explain, async (context) => context.json(await planning.explainShown(context.req.valid('param').id), 200))
}
