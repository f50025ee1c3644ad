import { z } from 'zod'
import { MAX_CONCURRENCY } from '../../runtime/bounds.ts'
import { whole } from '../field.ts'
import { limitSettings } from './limit-by.ts'

export const ConcurrencyLimitFilter = z
  .strictObject({
    limit: whole(1, MAX_CONCURRENCY).describe('How many requests may be in flight at a time.'),
    ...limitSettings,
  })
  .describe('Refuses requests beyond so many in flight, with 429.')
