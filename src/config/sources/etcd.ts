import { z } from 'zod'
import { matching, oneOrMore } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { everySource } from './every-source.ts'
import { ApiTls, ApiUrl, refuseBoth, refuseTlsWithoutHttps, secret } from './source-api.ts'

/** The keys below a prefix in etcd. See docs/discovery/etcd.md. */
export const EtcdSource = z
  .strictObject({
    from: z.literal('etcd').describe('The keys below a prefix in etcd.'),
    prefix: z
      .string('a prefix of keys')
      .min(1, 'a prefix of keys')
      .max(1024, 'a prefix of at most 1024 characters')
      .describe('The prefix of the keys, such as /services/app/. What follows it in a key is the name of the server.'),
    endpoints: oneOrMore(ApiUrl, 'a URL')
      .prefault('http://127.0.0.1:2379')
      .describe('The URLs of the members of etcd. Where one does not answer, the next one is asked.'),
    user: z
      .exactOptional(matching(/^\S{1,255}$/, 'a user, without spaces'))
      .describe('The user of etcd. Default: none.'),
    password: z
      .exactOptional(secret('a password'))
      .describe('Its password, best given as a variable of the environment.'),
    passwordFile: z
      .exactOptional(FilePath)
      .describe('The file that holds only the password, instead of password; read again at each sign-in.'),
    tls: ApiTls,
    ...everySource,
  })
  .check(({ value, issues }) => {
    refuseTlsWithoutHttps(value.tls, value.endpoints, issues)
    refuseBoth(value, 'password', 'passwordFile', issues)
    const hasPassword = value.password !== undefined || value.passwordFile !== undefined
    if (hasPassword === (value.user !== undefined)) return
    const path = [hasPassword ? 'password' : 'user']
    issues.push({ code: 'custom', message: 'both a user and a password or passwordFile', path, input: undefined })
  })

export type EtcdSource = z.output<typeof EtcdSource>
