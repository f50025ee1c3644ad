import { createRoute } from '@hono/zod-openapi'
import { SessionNumbers } from '../answers.ts'
import { type Descriptions, json, type Resources, refusals } from '../resource.ts'
import type { View } from '../view.ts'

/** How many sessions there are. Which ones is said nowhere. */
export function addSessions(api: Resources, { reads }: Descriptions, view: View): void {
  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/sessions',
    summary: 'How many sessions there are, by upstream and server',
    responses: { 200: json(SessionNumbers, 'The numbers.'), ...refusals },
  })
  api.openapi(read, (context) => context.json(view.sessions(), 200))
}
