import { z } from 'zod'
import { matching, StatusRange } from '../field.ts'

const Page = z.strictObject({
  status: StatusRange.describe('The status or statuses: 404, 500-504 or 5xx.'),
  body: z.string().describe('The page, as it is.'),
  contentType: matching(/^[!-~][ -~]*$/, 'a media type such as text/html')
    .prefault('text/html; charset=utf-8')
    .describe('Its Content-Type.'),
})

export const ErrorPagesFilter = z
  .strictObject({
    pages: z.array(Page).min(1, 'at least one page').describe('The pages. The first one counts that has the status.'),
  })
  .describe("Pages of one's own in the place of errors, of servers and of Limpet.")
