"""What the worker relies on in Faust and mode: a test that fails here names what changed."""

import inspect
from importlib.metadata import version

import faust
from faust.app.base import BootStrategy
from faust.transport.drivers import aiokafka as driver
from mode import Service


def test_the_pins_of_what_was_read() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("mode-streaming") == "0.7.1"


def test_the_first_start_of_an_app_only_makes_directories() -> None:
    """The worker's app does not call it: there are no tables to keep in them."""
    body = inspect.getsource(faust.App.on_first_start).strip().splitlines()

    assert body[-1].strip() == "self._create_directories()"
    assert len(body) == 3


def test_an_app_without_a_consumer_starts_web_and_producer_only() -> None:
    assert faust.App.producer_only is False
    assert BootStrategy.enable_web is None
    assert "self.web_server()" in inspect.getsource(BootStrategy.producer_only)


def test_services_are_added_to_a_running_app() -> None:
    assert inspect.iscoroutinefunction(Service.add_runtime_dependency)
    assert inspect.iscoroutinefunction(faust.App.on_started_init_extra_services)


def test_the_consumer_makes_its_thread_in_one_place() -> None:
    """Replaced by one whose stop comes to an end when the broker is away."""
    assert "AIOKafkaConsumerThread(self" in inspect.getsource(driver.Consumer._new_consumer_thread)
    assert inspect.iscoroutinefunction(driver.AIOKafkaConsumerThread.on_thread_stop)
    assert driver.Transport.Consumer is driver.Consumer
