import { z } from 'zod'
import { whole } from '../field.ts'
import { HeaderTemplates } from './head-changes.ts'
import { checkPage, pageKeys } from './page.ts'

export const RespondFilter = z
  .strictObject({
    status: whole(200, 599).prefault(200).describe('The status.'),
    headers: HeaderTemplates.prefault({}).describe(
      'Headers of the response, with variables. Content-Type defaults to what the name of the file says, or to text/plain.',
    ),
    body: pageKeys.body.describe('The body, as it is. Default: none.'),
    file: pageKeys.file.describe(
      'A file with the body, of at most 1 MiB, in place of body. Changes take effect by themselves.',
    ),
  })
  .check(checkPage)
  .describe('Answers every request by itself.')
