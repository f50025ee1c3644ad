import { createRoute } from '@hono/zod-openapi'
import { Sources } from '../answers.ts'
import { type Descriptions, json, type Resources, refusals } from '../resource.ts'
import type { View } from '../view.ts'

/** Where servers are found. */
export function addSources(api: Resources, { reads }: Descriptions, view: View): void {
  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/sources',
    summary:
      'The sources of servers: whether they answer, how many servers they have found, and what cannot be used of it',
    responses: { 200: json(Sources, 'All sources; none where all servers are written in the file.'), ...refusals },
  })
  api.openapi(read, (context) => context.json({ sources: view.sources() }, 200))
}
