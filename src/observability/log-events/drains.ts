import type { LogChapter } from './log-chapter.ts'

export const drains = {
  title: 'Drains and sessions',
  events: {
    'drain-started': {
      level: 'info',
      fields: ['upstream', 'server'],
      meaning: 'A server gets no new sessions.',
      action: '',
    },
    'drain-ended': {
      level: 'info',
      fields: ['upstream', 'server', 'ms'],
      meaning: 'A server that drains is empty.',
      action: '',
    },
    'drain-deadline': {
      level: 'warn',
      fields: ['upstream', 'server', 'ms', 'count'],
      meaning: 'The deadline of a drain has come with so many sessions left.',
      action: 'If they should not have been moved or refused, allow more time.',
    },
    'drain-failed': {
      level: 'error',
      fields: ['upstream', 'server', 'cause'],
      meaning: 'What was to happen at the end of a drain could not be done.',
      action: 'Do it by hand with `limpet maintenance` or `limpet remove`.',
    },
    'sessions-over': {
      level: 'info',
      fields: ['upstream', 'server', 'count'],
      meaning: 'A server that drains says that sessions are over.',
      action: '',
    },
    'sessions-restored': {
      level: 'info',
      fields: ['count'],
      meaning: 'The sessions of an earlier run are known again.',
      action: '',
    },
    skew: {
      level: 'warn',
      fields: ['upstream', 'server', 'from', 'share'],
      meaning: 'An address or a network sends more requests than one server should get.',
      action: 'If users share it, tell them apart by a cookie: docs/skew.md.',
    },
    'skew-over': {
      level: 'info',
      fields: ['upstream', 'server', 'from', 'share'],
      meaning: 'That has ended.',
      action: '',
    },
  },
} as const satisfies LogChapter
