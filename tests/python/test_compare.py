"""What ./dev bench --compare makes of its figures."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
import compare  # noqa: E402


class CompareTest(unittest.TestCase):
    def test_worse_beyond_the_noise_is_a_regression_and_within_it_is_none(self):
        steady = [1.0, 1.01, 0.99, 1.0, 1.0]
        self.assertTrue(compare.judge(steady, [1.2] * 5, 0.05)[2])
        self.assertFalse(compare.judge(steady, [1.04] * 5, 0.05)[2])
        self.assertFalse(compare.judge(steady, [0.5] * 5, 0.05)[2])
        restless = [1.0, 1.4, 0.7, 1.3, 0.8]
        self.assertFalse(compare.judge(restless, [value * 1.2 for value in restless], 0.05)[2])

    def test_one_bad_round_says_nothing(self):
        self.assertFalse(compare.judge([1.0] * 5, [1.0, 1.0, 9.0, 1.0, 1.0], 0.05)[2])

    def test_a_figure_that_was_nothing_has_no_ratio_and_is_no_regression(self):
        self.assertEqual(compare.judge([0.0, 0.0], [0.0, 3.0], 0.05)[::2], (1.0, False))

    def test_rounds_are_compared_with_their_neighbours(self):
        drifting = [1.0, 1.5, 2.0, 2.5, 3.0]
        self.assertAlmostEqual(compare.judge(drifting, [value * 1.1 for value in drifting], 0.05)[0], 1.1)

    def test_figures_are_named_by_what_they_are_of_and_lost_events_are_no_figure(self):
        report = {"latency": [{"clients": 20, "lost": "", "p50_ms": 0.3}],
                  "throughput": [{"clients": 1, "lost": "", "rounds": [{"cpu": 2.0}, {"cpu": 4.0}]}]}
        self.assertEqual(compare.figures(report, "latency", ("clients",), ("p50_ms",)), {"latency clients=20 p50_ms": 0.3})
        self.assertEqual(compare.figures(report, "throughput", ("clients",), ("cpu",)), {"throughput clients=1 cpu": 3.0})
        report["rows"] = [{"row": "events/s", "lost": "", "more_is_better": True, "figure": 4.0}]
        self.assertEqual(compare.figures(report, "rows", ("row",), ("figure",)), {"rows row=events/s 1/figure": 0.25})
        report["ingest"] = {"take": [{"batch": 1, "rounds": [{"per_s": 2.0, "unmeasured": 0.0}]}]}
        self.assertEqual(compare.figures(report, "ingest/take", ("batch",), ("1/per_s", "1/unmeasured")), {"ingest/take batch=1 1/per_s": 0.5})
        report["latency"][0]["lost"] = "an event"
        with self.assertRaisesRegex(ValueError, "an event"):
            compare.figures(report, "latency", ("clients",), ("p50_ms",))


if __name__ == "__main__":
    unittest.main()
