import { z } from '@hono/zod-openapi'

/** What a configuration would change. */
export const Plan = z
  .looseObject({ changes: z.array(z.string()).openapi({ description: 'A sentence each; none if it is the same.' }) })
  .openapi('Plan')

/** A request that is not sent. */
export const Query = z
  .strictObject({
    method: z.string().optional().openapi({ example: 'GET' }),
    path: z.string().openapi({ example: '/shop/?page=2' }),
    host: z.string().optional(),
    headers: z.record(z.string(), z.string()).optional(),
    cookies: z.record(z.string(), z.string()).optional(),
    ip: z.string().optional().openapi({ description: "The client's address.", example: '203.0.113.9' }),
    secure: z.boolean().optional().openapi({ description: 'It came by HTTPS.' }),
  })
  .openapi('Query')

/** Where that request would go, and why. It has no key and no cookie. */
export const Explanation = z.looseObject({}).openapi('Explanation')

export type Plan = z.output<typeof Plan>
export type Query = z.output<typeof Query>
export type Explanation = z.output<typeof Explanation>
