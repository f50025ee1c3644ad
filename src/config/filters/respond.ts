import { z } from 'zod'
import { whole } from '../field.ts'
import { HeaderTemplates } from './head-changes.ts'

export const RespondFilter = z
  .strictObject({
    status: whole(200, 599).prefault(200).describe('The status.'),
    headers: HeaderTemplates.prefault({}).describe(
      'Headers of the response, with variables. Content-Type defaults to text/plain.',
    ),
    body: z.string().prefault('').describe('The body, as it is.'),
  })
  .describe('Answers every request by itself.')
