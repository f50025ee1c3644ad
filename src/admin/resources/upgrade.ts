import { createRoute, z } from '@hono/zod-openapi'
import { Count } from '../fields.ts'
import type { Operations } from '../operations.ts'
import { type Descriptions, json, optionsOf, Preconditions, type Resources, refusals } from '../resource.ts'

const Upgraded = z
  .object({ pid: Count.openapi({ description: 'The process that serves from now on.' }) })
  .openapi('Upgraded')

/** The program itself. */
export function addUpgrade(api: Resources, { writes }: Descriptions, operations: Operations): void {
  const upgrade = createRoute({
    ...writes,
    method: 'post',
    path: '/v1/upgrade',
    summary: 'Starts the program that is now on disk, and hands over to it',
    request: { headers: Preconditions },
    responses: { 200: json(Upgraded, 'It has taken over.'), ...refusals },
  })
  api.openapi(upgrade, async (context) =>
    context.json(await operations.upgrade(optionsOf(context), context.env.caller), 200),
  )
}
