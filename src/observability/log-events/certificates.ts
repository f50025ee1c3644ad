import type { LogChapter } from './log-chapter.ts'

export const certificates = {
  title: 'Certificates',
  events: {
    'certificate-expiring': {
      level: 'warn',
      fields: ['certificate'],
      meaning: 'A certificate ends within 14 days, or a third of its lifetime.',
      action: 'Renew it.',
    },
    'certificate-urgent': {
      level: 'error',
      fields: ['certificate'],
      meaning: 'A certificate ends within 3 days, or a tenth of its lifetime, or has ended.',
      action: 'Renew it now.',
    },
    'certificate-warning': {
      level: 'warn',
      fields: [],
      meaning: 'A certificate or a key can be used, and something is wrong with it.',
      action: 'Do what the message says.',
    },
    'certificate-file-unusable': {
      level: 'warn',
      fields: ['file', 'cause'],
      meaning: 'A changed file cannot be used. What it held before stays in effect.',
      action: 'Correct the file.',
    },
    'certificates-not-applied': {
      level: 'error',
      fields: ['cause'],
      meaning: 'Renewed certificates could not be put into effect.',
      action: 'See the cause, and reload.',
    },
    'certificate-missing': {
      level: 'warn',
      fields: ['hosts', 'count'],
      meaning: 'Hosts have no certificate yet. Clients get one that they do not trust.',
      action: 'If it lasts, see the `certificate-not-obtained` lines.',
    },
    'certificate-obtained': {
      level: 'info',
      fields: ['host', 'authority'],
      meaning: 'A certificate was obtained or renewed by ACME.',
      action: '',
    },
    'certificate-not-obtained': {
      level: 'warn',
      fields: ['host', 'cause', 'ms'],
      meaning: 'A certificate could not be obtained or renewed. It is tried again after `ms`.',
      action: 'See the cause.',
    },
    'certificate-not-renewed': {
      level: 'error',
      fields: ['host', 'cause', 'ms'],
      meaning: 'The same, of a certificate with less than a sixth of its lifetime left.',
      action: 'See the cause now.',
    },
    'certificate-not-kept': {
      level: 'warn',
      fields: ['host', 'cause'],
      meaning: 'A certificate was obtained, and cannot be written to the state directory.',
      action: 'Set `stateDirectory` to a directory that can be written.',
    },
    'certificate-renewal-asked': {
      level: 'info',
      fields: ['host', 'authority'],
      meaning: 'The authority wants a certificate to be renewed now.',
      action: '',
    },
    'certificate-not-awaited': {
      level: 'warn',
      fields: ['host', 'count'],
      meaning: 'Clients got no certificate on demand, since too many wait for theirs.',
      action: 'If the hosts are yours, name them in routes.',
    },
    'certificate-not-allowed': {
      level: 'warn',
      fields: ['cause'],
      meaning:
        'Hosts get no certificate on demand, since there is no room or the program that allows it did not answer.',
      action: 'See the cause.',
    },
    'acme-account-registered': {
      level: 'info',
      fields: ['authority'],
      meaning: 'An account with a certificate authority was registered.',
      action: '',
    },
    'acme-account-replaced': {
      level: 'warn',
      fields: ['authority', 'cause'],
      meaning: 'The account with an authority cannot be used any more. Another is registered.',
      action: '',
    },
    'acme-record-left': {
      level: 'warn',
      fields: ['host', 'cause'],
      meaning: 'The command that sets DNS records could not remove one.',
      action: 'Remove the record `_acme-challenge` of the host.',
    },
    'acme-failed': {
      level: 'error',
      fields: ['cause'],
      meaning: 'No certificates are obtained by ACME.',
      action: 'See the cause, and restart.',
    },
  },
} as const satisfies LogChapter
