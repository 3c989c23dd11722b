//! A simulated vehicle: its VIN, make and model, and its position over time.

use std::collections::HashSet;

use form_urlencoded::byte_serialize;
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};

const MODELS: [&str; 8] =
    ["Maverick", "Escape", "F-150", "Explorer", "Mustang", "Bronco", "Edge", "Expedition"];
const VIN_LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const VIN_LENGTH: usize = 17;
/// Highest velocity by axis (x, y, z) in metres per second. Each vehicle draws a factor from 0 to 1 per axis.
const VELOCITY: [f64; 3] = [2.0, 4.0, 100.0];

/// A vehicle that starts at the origin and drives in a straight line at constant speed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vehicle {
    /// 17 random letters and digits. The check digit is not computed.
    pub(crate) vin: String,
    make: String,
    model: &'static str,
    /// Metres per second by axis.
    velocity: [f64; 3],
}

/// Draws `count` vehicles of one make with distinct VINs. The same random state gives the same vehicles.
pub(crate) fn draw(count: usize, make: &str, random: &mut impl Rng) -> Vec<Vehicle> {
    let mut vins = HashSet::with_capacity(count);
    let mut vehicles = Vec::with_capacity(count);
    while vehicles.len() < count {
        let letter = |_| char::from(*VIN_LETTERS.choose(random).unwrap_or(&b'0'));
        let vin: String = (0..VIN_LENGTH).map(letter).collect();
        if vins.insert(vin.clone()) {
            let model = MODELS.choose(random).copied().unwrap_or(MODELS[0]);
            let velocity = VELOCITY.map(|axis| axis * random.random::<f64>());
            vehicles.push(Vehicle { vin, make: make.to_owned(), model, velocity });
        }
    }
    vehicles
}

impl Vehicle {
    /// Metres from the origin after `elapsed` seconds.
    fn position(&self, elapsed: f64) -> [f64; 3] {
        self.velocity.map(|axis| axis * elapsed)
    }

    /// Metres per second.
    fn speed(&self) -> f64 {
        self.velocity.iter().map(|axis| axis * axis).sum::<f64>().sqrt()
    }

    /// The event at `timestamp`, `elapsed` seconds after the start, form-encoded.
    pub(crate) fn form(&self, timestamp: f64, elapsed: f64) -> String {
        let [x, y, z] = self.position(elapsed);
        let Self { vin, make, model, .. } = self;
        let speed = self.speed();
        format!(
            "timestamp={timestamp}&make={}&model={}&position_x={x}&position_y={y}&position_z={z}&speed={speed}&vin={vin}",
            encoded(make),
            encoded(model),
        )
    }
}

/// A text as the value of a form's field.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn fleet(count: usize, seed: u64) -> Vec<Vehicle> {
        draw(count, "Ford", &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn vins_are_unique_and_of_the_contracts_letters() {
        let vehicles = fleet(10_000, 1);
        let vins: HashSet<_> = vehicles.iter().map(|vehicle| vehicle.vin.as_str()).collect();
        assert_eq!(vins.len(), 10_000);
        let right =
            |vin: &&str| vin.len() == 17 && vin.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        assert!(vins.iter().all(right));
    }

    #[test]
    fn the_same_seed_makes_the_same_fleet() {
        assert_eq!(fleet(20, 7), fleet(20, 7));
        assert_ne!(fleet(20, 7), fleet(20, 8));
    }

    #[test]
    fn a_vehicle_drives_straight_on_within_the_contracts_velocities_at_one_speed() {
        for vehicle in fleet(1_000, 2) {
            let (one, ten) = (vehicle.position(1.0), vehicle.position(10.0));
            for axis in 0..3 {
                assert!((0.0..=VELOCITY[axis]).contains(&one[axis]));
                assert!((ten[axis] - 10.0 * one[axis]).abs() < 1e-9);
            }
            let distance = ten.iter().map(|axis| axis * axis).sum::<f64>().sqrt();
            assert!((vehicle.speed() - distance / 10.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_form_is_that_of_the_contract_and_its_texts_are_encoded() {
        let vehicle = Vehicle {
            vin: "GD9KE1GANAGOCJ64E".into(),
            make: "O'Neil & Söhne".into(),
            model: "F-150",
            velocity: [0.5, 0.0, 12.0],
        };
        assert_eq!(
            vehicle.form(1_664_624_846.762_738, 2.0),
            "timestamp=1664624846.762738&make=O%27Neil+%26+S%C3%B6hne&model=F-150&position_x=1&position_y=0&\
             position_z=24&speed=12.010412149464313&vin=GD9KE1GANAGOCJ64E"
        );
    }
}
