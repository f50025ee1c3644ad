import type { LogChapter } from './log-chapter.ts'

export const keys = {
  title: 'Keys of tokens',
  events: {
    'keys-fetched': {
      level: 'info',
      fields: ['source', 'count'],
      meaning:
        'The keys by which the filter `jwt` verifies tokens were fetched, for the first time or after a failure.',
      action: '',
    },
    'keys-not-fetched': {
      level: 'warn',
      fields: ['source', 'cause'],
      meaning:
        'The keys by which the filter `jwt` verifies tokens could not be fetched. Those that were fetched last stay in effect.',
      action: 'See the cause.',
    },
    'keys-not-applied': {
      level: 'error',
      fields: ['cause'],
      meaning: 'Other keys of tokens could not be put into effect.',
      action: 'See the cause, and reload.',
    },
  },
} as const satisfies LogChapter
