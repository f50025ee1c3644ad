import { createRoute, z } from '@hono/zod-openapi'
import { Ban, type BanOperations, BanRequest, Bans } from '../bans.ts'
import { type Descriptions, json, jsonInBody, type Resources, refusals } from '../resource.ts'

const path = '/v1/bans'

/** Addresses whose requests are refused for a time. */
export function addBans(api: Resources, { reads, writes, writesJson }: Descriptions, bans: BanOperations): void {
  const list = createRoute({
    ...reads,
    method: 'get',
    path,
    summary: 'All bans in effect; those that end first come first',
    responses: { 200: json(Bans, 'The bans.'), ...refusals },
  })
  api.openapi(list, (context) => context.json({ bans: [...bans.all()] }, 200))

  const post = createRoute({
    ...writesJson,
    method: 'post',
    path,
    summary: 'Refuses requests from an address, or a range of them, for a time',
    description: 'For a range that is banned already, another time from now on.',
    request: { body: jsonInBody(BanRequest, true) },
    responses: { 200: json(Ban, 'It is banned, in all workers.'), ...refusals },
  })
  api.openapi(post, async (context) => {
    const { address, for: ms, reason } = context.req.valid('json')
    return context.json(await bans.ban(address, ms, reason, context.env.caller), 200)
  })

  const end = createRoute({
    ...writes,
    method: 'delete',
    path: `${path}/{address}`,
    summary: 'Ends a ban',
    request: {
      params: z.object({
        address: z.string().openapi({ example: '203.0.113.0/24', description: 'As it was banned; a slash is %2F.' }),
      }),
    },
    responses: { 200: json(Ban, 'The ban that there was.'), ...refusals },
  })
  api.openapi(end, async (context) => {
    const { address } = context.req.valid('param')
    return context.json(await bans.lift(address, context.env.caller), 200)
  })
}
