import { readFile } from '../../certificates/file-content.ts'
import { UnusableFile } from '../../certificates/unusable-file.ts'
import { readPasswordFile } from '../../credentials/password-file.ts'
import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import type { FilterExport, Of } from './filter-export.ts'
import { inexpressibleNames, setRequestHeader } from './request-header.ts'

type BasicAuth = Of<'basicAuth'>

export const basicAuth: FilterExport<BasicAuth> = {
  isOnly: true,
  directives: ({ filter: { file, realm, forward, userHeader } }) => ({
    gates: [directive('auth_basic', realm), directive('auth_basic_user_file', file!)],
    passing: [
      ...(forward ? [] : setRequestHeader('Authorization', '')),
      ...(userHeader === undefined ? [] : setRequestHeader(userHeader, '$remote_user')),
    ],
  }),
  problems: ({ filter: { file, users, realm, userHeader }, path }) => [
    ...when(
      users !== undefined,
      `${path}.users`,
      'nginx reads users from a file only',
      'write them to a file, and name it',
    ),
    ...when(
      /["\\$]/.test(realm) || realm === 'off',
      `${path}.realm`,
      'nginx reads off and $ in a realm, and quotes nothing in it',
      'use another one',
    ),
    ...when(file?.includes('$') === true, `${path}.file`, 'nginx reads $ as a variable', 'use a path without $'),
    ...when(
      hasArgon2(file),
      `${path}.file`,
      'nginx cannot check passwords hashed by Argon2',
      'write these again with htpasswd -B',
    ),
    ...inexpressibleNames(userHeader === undefined ? [] : [userHeader], `${path}.userHeader`),
  ],
  changes: ({ userHeader }) => [
    'request authorization',
    ...(userHeader === undefined ? [] : [`request ${userHeader.toLowerCase()}`]),
  ],
}

/** Those who export need not be able to read it. */
function hasArgon2(file: string | undefined): boolean {
  if (file === undefined) return false
  try {
    return /^[^:]*:\$argon2/m.test(Buffer.from(readPasswordFile(readFile(file)).users).toString('latin1'))
  } catch (error) {
    if (error instanceof UnusableFile) return false
    throw error
  }
}
