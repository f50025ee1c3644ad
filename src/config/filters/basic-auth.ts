import { z } from 'zod'
import { mistakeInUser } from '../../credentials/password-file.ts'
import { InvalidValue } from '../error.ts'
import { matching, oneOrMore, text } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { HeaderName } from './head-changes.ts'

/** What browsers show where they ask for the password: it is quoted in a header. */
export const Realm = matching(/^[ -~]{1,100}$/, 'at most 100 characters of printable ASCII')

const MOST_USERS = 1000

/** One line of a password file. */
function checkedUser(line: string): string {
  const mistake = mistakeInUser(line)
  if (mistake === undefined) return line
  // What is found is said by its kind only: it may be a password.
  const expected = mistake.message.replace(/^expected /, '').replace(/, found (?=an? |one )/, ', not ')
  throw new InvalidValue(expected.replace(/, found .*$/, ''), mistake.hint)
}

export const BasicAuthFilter = z
  .strictObject({
    file: z
      .exactOptional(FilePath)
      .describe(
        'A file of users and hashes of their passwords, as htpasswd writes it. Changes take effect by themselves.',
      ),
    users: z
      .exactOptional(
        oneOrMore(text(checkedUser, 'USER:HASH'), 'USER:HASH').refine((users) => users.length <= MOST_USERS, {
          error: `at most ${MOST_USERS} users`,
        }),
      )
      .describe('In place of a file: users and hashes of their passwords, each as a line of such a file: `USER:HASH`.'),
    realm: Realm.prefault('Restricted').describe('What the password is for: browsers show it.'),
    forward: z.boolean().prefault(false).describe('Whether servers get the user and the password, too.'),
    userHeader: z
      .exactOptional(HeaderName)
      .describe("A header in which servers get the user's name; the client's own is removed. Default: none."),
  })
  .check(({ value: { file, users }, issues }) => {
    if ((file === undefined) !== (users === undefined)) return
    const hint = 'write a file of many users, or users themselves'
    issues.push({ code: 'custom', message: 'either file or users', params: { hint }, input: undefined })
  })
  .describe('Lets users with a password through.')
