import { z } from 'zod'
import { matching } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { HeaderName } from './head-changes.ts'

/** What browsers show where they ask for the password: it is quoted in a header. */
export const Realm = matching(/^[ -~]{1,100}$/, 'at most 100 characters of printable ASCII')

export const BasicAuthFilter = z
  .strictObject({
    file: FilePath.describe(
      'A file of users and hashes of their passwords, as htpasswd writes it. Changes take effect by themselves.',
    ),
    realm: Realm.prefault('Restricted').describe('What the password is for: browsers show it.'),
    forward: z.boolean().prefault(false).describe('Whether servers get the user and the password, too.'),
    userHeader: z
      .exactOptional(HeaderName)
      .describe("A header in which servers get the user's name; the client's own is removed. Default: none."),
  })
  .describe('Lets users with a password of a file through.')
