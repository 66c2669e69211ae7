package client

import "trial/checks/history"

// produceOutcome classifies the answer to one produce attempt: what it says
// about this attempt alone. Error 6 is unknown because a waiting acks=all
// produce that was already appended is answered with it when leadership is lost.
func produceOutcome(code int16, firstAttempt bool) history.Outcome {
	switch code {
	case codeNone, codeDuplicateSequence:
		return history.OK
	case codeNotEnoughReplicas, codeMessageTooLarge, codeRecordListTooLarge, codeCorruptMessage, codeInvalidRecord,
		codeInvalidTimestamp, codeInvalidRequiredAcks, codeTopicAuthorization, codeClusterAuthorization,
		codeUnsupportedVersion, codeUnsupportedFormat, codeInvalidProducerEpoch, codeOutOfOrderSequence,
		codeInvalidTxnState, codeUnknownProducerID, codeTransactionAbortable, codeInvalidTopic:
		return history.Fail
	case codeUnknownTopic, codeUnknownTopicID:
		if firstAttempt {
			return history.Fail
		}
	}
	return history.Info
}
