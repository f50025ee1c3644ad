import { z } from 'zod'
import { everySource } from './every-source.ts'

/** The keys below a prefix in etcd. */
export const EtcdSource = z.strictObject({
  from: z.literal('etcd'),
  prefix: z.string('a prefix of keys').describe('The prefix of the keys, such as /services/app/.'),
  ...everySource,
})

export type EtcdSource = z.output<typeof EtcdSource>
