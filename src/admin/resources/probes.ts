import { z } from '@hono/zod-openapi'
import { type Resources, refusals } from '../resource.ts'

/** Describes what is answered before anything else, by readiness.ts. */
export function describeProbes(api: Resources): void {
  const content = { 'text/plain': { schema: z.string() } }
  api.openAPIRegistry.registerPath({
    method: 'get',
    path: '/livez',
    summary: 'Whether Limpet lives',
    description: 'Needs no token.',
    responses: { 200: { description: 'It does.', content }, ...refusals },
  })
  api.openAPIRegistry.registerPath({
    method: 'get',
    path: '/readyz',
    summary: 'Whether Limpet is ready for clients',
    description: 'Needs no token. The state of the servers does not count.',
    responses: {
      200: { description: 'It is.', content },
      503: { description: 'It is not, and why.', content },
      ...refusals,
    },
  })
}
