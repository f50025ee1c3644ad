import { z } from 'zod'
import { everySource } from './every-source.ts'

/** Addresses of a name in the DNS. */
export const DnsSource = z.strictObject({
  from: z.literal('dns'),
  name: z.string('a host name').describe('The name that is looked up.'),
  ...everySource,
})

export type DnsSource = z.output<typeof DnsSource>
