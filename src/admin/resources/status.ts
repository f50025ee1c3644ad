import { createRoute } from '@hono/zod-openapi'
import { Status } from '../answers.ts'
import { type Descriptions, json, type Resources, refusals } from '../resource.ts'
import type { View } from '../view.ts'

/** The program as a whole. */
export function addStatus(api: Resources, { reads }: Descriptions, view: View): void {
  const read = createRoute({
    ...reads,
    method: 'get',
    path: '/v1/status',
    summary: 'The program: its version, its workers, where it listens',
    responses: { 200: json(Status, 'The program.'), ...refusals },
  })
  api.openapi(read, (context) => context.json(view.status(), 200))
}
