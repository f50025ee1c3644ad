import { z } from 'zod'
import { everySource } from './every-source.ts'

/** A list of servers at a URL. */
export const HttpSource = z.strictObject({
  from: z.literal('http'),
  url: z.string('a URL').describe('Where the list is.'),
  ...everySource,
})

export type HttpSource = z.output<typeof HttpSource>
