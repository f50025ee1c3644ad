import { z } from 'zod'
import { uniqueList } from '../field.ts'

const statuses = [429, 500, 502, 503, 504] as const

export const TryNextFilter = z
  .strictObject({
    statuses: uniqueList(z.literal(statuses)).prefault([502, 503, 504]).describe('The statuses.'),
  })
  .describe('Asks another server where one answers with these statuses, if the request may be repeated.')
