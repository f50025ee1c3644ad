import { z } from 'zod'
import { StatusRange } from '../field.ts'
import { checkPage, pageKeys } from './page.ts'

const Page = z
  .strictObject({ status: StatusRange.describe('The status or statuses: 404, 500-504 or 5xx.'), ...pageKeys })
  .check(checkPage)
  .check(({ value, issues }) => {
    if (value.body !== undefined || value.file !== undefined) return
    issues.push({ code: 'custom', message: 'a page: body or file', input: value })
  })

export const ErrorPagesFilter = z
  .strictObject({
    pages: z.array(Page).min(1, 'at least one page').describe('The pages. The first one counts that has the status.'),
  })
  .describe("Pages of one's own in the place of errors, of servers and of Limpet.")
