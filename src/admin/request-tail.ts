import { z } from '@hono/zod-openapi'
import type { RequestFilter } from '../runtime/request-filter.ts'
import { Count, Time } from './fields.ts'

/** A request of the live tail: what the access log would say of it, without anything that identifies a session. */
export const TailedRequest = z
  .object({
    id: z.string().openapi({ description: 'The id of the request (X-Request-Id).' }),
    at: Time.openapi({ description: 'When it began.' }),
    client: z.string().openapi({ description: "The client's address." }),
    method: z.string(),
    host: z.string(),
    path: z.string().openapi({ description: 'With its query; values are redacted as in the access log.' }),
    protocol: z.string(),
    status: Count,
    bytes: Count.openapi({ description: 'Of the body.' }),
    ms: z.number().min(0).openapi({ description: 'How long it took.' }),
    queued: z.number().min(0).openapi({ description: 'How long it waited, in ms.' }),
    route: z.string().nullable(),
    upstream: z.string().nullable(),
    server: z.string().nullable().openapi({ description: 'That of the last attempt.' }),
    attempts: Count,
    reason: z.string().nullable(),
    failure: z.string().nullable(),
  })
  .openapi('TailedRequest')

export type TailedRequest = z.output<typeof TailedRequest>

/** A sample of the requests, as they end. */
export interface RequestTail {
  /** Notifies of at most `perSecond` requests a second, until the function that it returns is called. */
  watch(filter: RequestFilter, perSecond: number, notify: (request: TailedRequest) => void): () => void
}
