import { createRoute, z } from '@hono/zod-openapi'
import { contentTypes, formatFor, type Metrics } from '../metrics.ts'
import { type Descriptions, type Resources, refusals } from '../resource.ts'

/** What Prometheus collects. */
export function addMetrics(api: Resources, { reads }: Descriptions, metrics: Metrics): void {
  const text = { schema: z.string() }
  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/metrics',
    summary: 'All metrics, for Prometheus',
    description: 'In the text format of Prometheus, or as OpenMetrics where Accept asks for it.',
    responses: {
      200: {
        description: 'The metrics.',
        content: { [contentTypes.prometheus]: text, [contentTypes.openmetrics]: text },
      },
      ...refusals,
    },
  })
  api.openapi(read, async (context) => {
    const format = formatFor(context.req.header('Accept'))
    context.header('Content-Type', contentTypes[format])
    // The next ones are for the process that may have replaced this one by then, and knows more.
    context.header('Connection', 'close')
    return context.body(Buffer.concat(await metrics.write(format)), 200)
  })
}
